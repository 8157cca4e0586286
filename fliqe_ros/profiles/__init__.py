"""What is normal for one camera: learnt from good frames, kept in a file, judged against."""
